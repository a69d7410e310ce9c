/* The field that chooses an account: suggestions below a text field, by keyboard and by pointer (the ARIA
   combobox pattern). Without it the field is a plain one whose text the server resolves. */
"use strict";

(() => {
  const WAIT = 150;
  const states = new WeakMap();

  const combo = (element) => element.closest?.("[data-account-search]");
  const part = (box, name) => box.querySelector(`[data-account-${name}]`);
  const list = (box) => box.querySelector("[role=listbox]");
  const options = (box) => [...list(box).querySelectorAll("[role=option]")];

  function state(box) {
    if (!states.has(box)) {
      states.set(box, { at: -1, timer: 0, asked: null });
      const field = part(box, "text");
      field.setAttribute("role", "combobox");
      field.setAttribute("aria-autocomplete", "list");
      field.setAttribute("aria-controls", list(box).id);
      field.setAttribute("aria-expanded", "false");
    }
    return states.get(box);
  }

  function close(box) {
    const here = state(box);
    clearTimeout(here.timer);
    here.asked?.abort();
    here.at = -1;
    list(box).hidden = true;
    part(box, "text").setAttribute("aria-expanded", "false");
    part(box, "text").removeAttribute("aria-activedescendant");
  }

  function point(box, at) {
    const all = options(box);
    const here = state(box);
    here.at = all.length ? (at + all.length) % all.length : -1;
    all.forEach((option, index) => option.setAttribute("aria-selected", String(index === here.at)));
    const field = part(box, "text");
    if (here.at < 0) {
      field.removeAttribute("aria-activedescendant");
      return;
    }
    field.setAttribute("aria-activedescendant", all[here.at].id);
    all[here.at].scrollIntoView({ block: "nearest" });
  }

  function option(box, index, name, hint) {
    const item = document.createElement("li");
    item.id = `${list(box).id}_${index}`;
    item.className = "sg-combo-option";
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const title = document.createElement("span");
    title.textContent = name;
    item.append(title);
    if (hint) {
      const more = document.createElement("span");
      more.className = "sg-combo-hint";
      more.textContent = hint;
      item.append(more);
    }
    return item;
  }

  function show(box, found, text) {
    const items = found.results.map((row, index) => {
      const item = option(box, index, row.label, row.hint);
      item.dataset.key = row.id;
      item.dataset.label = row.label;
      return item;
    });
    const opener = newAccount(box);
    if (opener && text) {
      const item = option(box, items.length, `New account “${text}”`, "is opened together with the license");
      item.dataset.opens = text;
      items.push(item);
    }
    list(box).replaceChildren(...items);
    list(box).hidden = items.length === 0;
    part(box, "text").setAttribute("aria-expanded", String(items.length > 0));
    const count = found.results.length;
    part(box, "said").textContent = text && count === 0 ? "No account has this in its name." : "";
    point(box, text && count > 0 ? 0 : -1);
  }

  async function ask(box) {
    const here = state(box);
    const text = part(box, "text").value.trim();
    here.asked?.abort();
    here.asked = new AbortController();
    try {
      const url = `${box.dataset.accountSearch}?${new URLSearchParams({ q: text })}`;
      const answer = await fetch(url, { signal: here.asked.signal, headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const found = await answer.json();
      if (document.activeElement === part(box, "text")) show(box, found, text);
    } catch {
      // aborted by the next letter, or the server is away: the text is resolved when the form is sent
    }
  }

  function choose(box, item) {
    const field = part(box, "text");
    if (item.dataset.opens !== undefined) {
      field.value = "";
      part(box, "key").value = "";
      close(box);
      const details = newAccount(box);
      details.open = true;
      const name = details.querySelector("input[type=text], input:not([type])");
      name.value = item.dataset.opens;
      name.focus();
      name.dispatchEvent(new Event("input", { bubbles: true }));
      return;
    }
    field.value = item.dataset.label;
    part(box, "key").value = item.dataset.key;
    close(box);
    part(box, "said").textContent = "";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function newAccount(box) {
    return box.closest("form")?.querySelector("[data-new-account]") ?? null;
  }

  document.addEventListener("focusin", (event) => {
    const box = combo(event.target);
    if (!box || event.target !== part(box, "text")) return;
    state(box);
    if (event.target.value) event.target.select();
    else ask(box);
  });

  document.addEventListener("input", (event) => {
    const box = combo(event.target);
    if (!box || event.target !== part(box, "text")) return;
    part(box, "key").value = "";
    const here = state(box);
    clearTimeout(here.timer);
    here.timer = setTimeout(() => ask(box), WAIT);
  });

  document.addEventListener("keydown", (event) => {
    const box = combo(event.target);
    if (!box || event.target !== part(box, "text")) return;
    const here = state(box);
    const open = !list(box).hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (open) point(box, here.at + (event.key === "ArrowDown" ? 1 : -1));
      else ask(box);
    } else if (event.key === "Enter" && open && here.at >= 0) {
      event.preventDefault();
      choose(box, options(box)[here.at]);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      close(box);
    }
  });

  document.addEventListener("pointerdown", (event) => {
    const item = event.target.closest?.(".sg-combo-option");
    if (item) event.preventDefault(); // the text field keeps the focus
  });

  document.addEventListener("click", (event) => {
    const item = event.target.closest?.(".sg-combo-option");
    if (item) {
      choose(combo(item), item);
      return;
    }
    const field = event.target.closest?.("[data-account-text]");
    if (field && field.value === "" && list(combo(field)).hidden) ask(combo(field));
  });

  document.addEventListener("focusout", (event) => {
    const box = combo(event.target);
    if (box && event.target === part(box, "text")) close(box);
  });
})();
