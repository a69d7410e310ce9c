/* Fills the frames of the trial page on a vendor's site, and hands them where the visitor came from: the utm_ names
   of the page's own address. No cookie, nothing stored.
   <iframe data-signet-trial="https://licenses.example.com/trial/demo" title="Ask for a trial"></iframe>
   <script src="https://licenses.example.com/static/signet/embed.js" async></script> */
(function () {
  "use strict";
  var names = ["utm_source", "utm_medium", "utm_campaign", "first_source", "first_medium", "first_campaign"];
  var here = new URLSearchParams(location.search);
  document.querySelectorAll("iframe[data-signet-trial]").forEach(function (frame) {
    var url;
    try { url = new URL(frame.getAttribute("data-signet-trial")); } catch (_) { return; }
    if (frame.src || !/^https?:$/.test(url.protocol)) return;
    names.forEach(function (name) {
      var value = here.get(name);
      if (value && !url.searchParams.has(name)) url.searchParams.set(name, value.slice(0, 200));
    });
    frame.src = url.href;
  });
})();
