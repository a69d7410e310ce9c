/* Counts a page view: no cookie, nothing stored, nobody recognised. Silent for who asks not to be tracked.
   <script src="https://licenses.example.com/static/signet/visit.js" async></script> */
(function () {
  "use strict";
  var script = document.currentScript, nav = navigator;
  if (!script || nav.globalPrivacyControl || nav.doNotTrack === "1") return;
  var query = new URLSearchParams(location.search), from = "";
  try { from = new URL(document.referrer).hostname; } catch (_) { /* came directly */ }
  if (from === location.hostname) from = "";
  function utm(name) { return (query.get("utm_" + name) || "").slice(0, 200); }
  var body = JSON.stringify({ source: utm("source") || from, medium: utm("medium"), campaign: utm("campaign") });
  var url = new URL("/api/v1/visits", script.src).href;
  try { fetch(url, { method: "POST", body: body, keepalive: true, credentials: "omit" }).catch(function () {}); }
  catch (_) { nav.sendBeacon(url, body); }
})();
