/* The page of a license: the menu of the rarer buttons closes by a click elsewhere and by Escape; buttons with
   data-copy-text copy what stands in another element; a form with data-preview shows what it will do while it is
   filled in; a field with data-when="name=value" shows only while that is chosen. */
"use strict";

(() => {
  const menus = () => document.querySelectorAll("details.sg-menu[open]");

  document.addEventListener("click", (event) => {
    for (const menu of menus()) {
      if (!menu.contains(event.target) || event.target.closest(".sg-menu-items a")) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false; // no clipboard outside https and localhost
    }
  }

  function select(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy-text]");
    if (!button) return;
    const element = document.querySelector(button.dataset.copyText);
    const done = await copy(element.textContent);
    if (!done) select(element);
    const note = button.querySelector("[data-copy-note]");
    if (note) note.textContent = done ? "Copied" : "Selected: copy it now";
    button.title = done ? "Copied" : "Selected: copy it now";
  });

  // --- what a dialog is about to do, while it is filled in ---

  const waiting = new WeakMap();

  function list(sentences, className) {
    const items = document.createElement("ul");
    items.className = "sg-list";
    for (const sentence of sentences) {
      const item = document.createElement("li");
      item.textContent = sentence;
      if (className) item.className = className;
      items.append(item);
    }
    return items;
  }

  async function preview(form) {
    const turn = {};
    waiting.set(form, turn);
    const data = new FormData(form);
    data.append("_preview", "1");
    const answer = await fetch(form.action, {
      method: "POST",
      body: data,
      headers: { Accept: "application/json" },
      cache: "no-store",
    });
    if (!answer.ok || waiting.get(form) !== turn) return; // a later one is on its way
    const { says, errors } = await answer.json();
    const output = form.querySelector("[data-preview-says]");
    output.replaceChildren(errors.length ? list(errors, "sg-refused") : list(says));
  }

  function later(form) {
    clearTimeout(form.dataset.timer);
    form.dataset.timer = setTimeout(() => preview(form), 250);
  }

  function place(form) {
    for (const field of form.querySelectorAll("[data-when]")) {
      const [name, value] = field.dataset.when.split("=");
      field.closest(".sg-fields > *").hidden = new FormData(form).get(name) !== value;
    }
  }

  function begin(root) {
    for (const field of root.querySelectorAll("[data-when]")) place(field.form);
    for (const panel of root.querySelectorAll("[data-preview]")) {
      panel.querySelector("[data-preview-button]")?.remove(); // or Enter would press it
      preview(panel.closest("form"));
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form");
    if (form) place(form);
    if (form?.querySelector("[data-preview]")) later(form);
  });
  document.addEventListener("DOMContentLoaded", () => {
    begin(document);
    document.querySelector(".sg-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  });
  document.addEventListener("htmx:afterSwap", (event) => begin(event.target));
})();
