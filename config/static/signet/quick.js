/* The bench of quick test keys. The form is sent from the page itself, so that the press of its button still
   counts as the wish to copy when the key arrives; without scripts it is an ordinary form. */
"use strict";

(() => {
  let busy = false;

  function swap(html, url) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const content = page.getElementById("content");
    if (!content) return false;
    document.getElementById("content").replaceWith(content);
    history.replaceState(null, "", url);
    return true;
  }

  function goOn() {
    const button = document.querySelector("#content [data-key-now]");
    if (button) {
      button.click(); // fetches the key and copies it
      button.focus();
      return;
    }
    document.querySelector("#content .errors [data-account-text], #content .errors input")?.focus();
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest?.("form[data-quick]");
    if (!form) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form, event.submitter) });
      const elsewhere = new URL(answer.url).pathname !== new URL(form.action).pathname;
      if (elsewhere || !answer.ok || !swap(await answer.text(), answer.url)) location.assign(answer.url);
      else goOn();
    } catch {
      location.reload();
    } finally {
      busy = false;
      form.removeAttribute("aria-busy");
    }
  });
})();
