/* Copying a license. Its text is not in the page: a POST fetches it when asked for, and each reading is an
   event. Buttons carry data-key-url; the one with data-key-now is pressed as soon as the page is there.
   The form of an action is sent once, however often its button is pressed while the answer is on its way. */
"use strict";

// Neither inline styles nor expressions in attributes: the Content-Security-Policy refuses both.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;

(() => {
  const cookie = (name) =>
    document.cookie
      .split("; ")
      .find((row) => row.startsWith(`${name}=`))
      ?.slice(name.length + 1) ?? "";
  const token = () =>
    document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? cookie("csrftoken");

  async function fetchKey(url) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "X-CSRFToken": token(), Accept: "text/plain" },
      cache: "no-store",
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text.slice(0, 300));
    return text;
  }

  async function copy(text, field) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      field.select(); // no clipboard outside https and localhost
      return document.execCommand("copy");
    }
  }

  async function press(button) {
    const panel = document.querySelector(button.dataset.keyPanel ?? "#sg-key");
    const field = panel.querySelector("textarea");
    const note = panel.querySelector("[data-key-note]");
    panel.hidden = false;
    try {
      field.value = await fetchKey(button.dataset.keyUrl);
      field.hidden = false;
      if (button.dataset.keyShow === undefined) {
        note.textContent = (await copy(field.value, field)) ? "Copied." : "Select and copy it here.";
      } else {
        note.textContent = "";
      }
    } catch (error) {
      field.hidden = true;
      note.textContent = error.message || "The key could not be read.";
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-key-url]");
    if (button) {
      event.preventDefault();
      press(button);
      return;
    }
    const copier = event.target.closest?.("[data-copy-from]");
    if (copier) {
      event.preventDefault();
      const field = document.querySelector(copier.dataset.copyFrom);
      copy(field.value, field).then((done) => {
        copier.querySelector("[data-copy-note]").textContent = done ? "Copied" : "Select and copy it";
      });
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-key-now]");
    if (button) press(button);
  });

  const AGAIN_AFTER = 10000; // the answer may be a file, and the page stays
  const sent = new Set();

  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form#action-form:not([data-quick])");
    if (!form) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    setTimeout(() => sent.delete(form), AGAIN_AFTER);
  });
  addEventListener("pageshow", () => sent.clear()); // back from the next page by the browser's button
})();
