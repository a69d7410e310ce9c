/* The command palette: Ctrl+K or ⌘K on every page of the admin. Pages and actions are searched here, licenses and
   accounts by the server. What was opened last is remembered in this browser until somebody signs out. */
"use strict";

(() => {
  const RECENT = "signet-recent-";
  const MOST = 8;
  const PAUSE = 150;
  const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

  document.addEventListener("DOMContentLoaded", () => {
    const dialog = document.getElementById("sg-palette");
    if (!dialog) {
      if (document.querySelector("input[type=password]")) forget();
      return;
    }
    start(dialog);
  });

  function forget() {
    for (const name of Object.keys(localStorage)) if (name.startsWith(RECENT)) localStorage.removeItem(name);
  }

  function start(dialog) {
    const input = dialog.querySelector("input");
    const list = dialog.querySelector("[role=listbox]");
    const note = dialog.querySelector("[role=status]");
    const store = RECENT + dialog.dataset.user;
    let commands = null; // groups of what this person may open, fetched once a page
    let found = []; // groups that the server found
    let asked = 0;
    let timer;
    let current = -1;

    // --- what was opened last -----------------------------------------------------------------------

    function recent() {
      try {
        const kept = JSON.parse(localStorage.getItem(store) ?? "[]");
        return Array.isArray(kept) ? kept : [];
      } catch {
        return [];
      }
    }

    function remember(item) {
      const others = recent().filter((each) => each.url !== item.url);
      localStorage.setItem(store, JSON.stringify([item, ...others].slice(0, MOST)));
    }

    // The page of one row: its address ends in a number, with or without what Django puts behind it.
    if (/\/\d+\/(change\/)?$/.test(location.pathname)) {
      const title = document.title.split(" | ")[0].trim();
      const id = document.getElementById("content")?.textContent.match(/\bL-[A-Z2-7]{26}\b/)?.[0];
      const known = recent().find((each) => each.url === location.pathname);
      remember(known ?? { title, url: location.pathname, icon: "history", note: id ? `…${id.slice(-8)}` : "" });
    }

    // --- asking -------------------------------------------------------------------------------------

    async function ask(term) {
      const token =
        document.querySelector("input[name=csrfmiddlewaretoken]")?.value ??
        document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ??
        "";
      const answer = await fetch(dialog.dataset.url, {
        method: "POST",
        headers: { "X-CSRFToken": token },
        body: new URLSearchParams({ q: term }),
        cache: "no-store",
      });
      if (!answer.ok || answer.redirected) throw new Error("signed out");
      return (await answer.json()).groups;
    }

    async function search() {
      const term = input.value.trim();
      const mine = ++asked;
      found = [];
      if (term.length < 2) return show();
      try {
        const groups = await ask(term);
        if (mine !== asked) return;
        found = groups;
        show();
      } catch {
        if (mine === asked) note.textContent = "The search does not answer. Reload the page, or sign in again.";
      }
    }

    // --- choosing -----------------------------------------------------------------------------------

    function matching(groups, words) {
      const fits = (item, group) => {
        const text = `${item.title} ${item.note ?? ""} ${group}`.toLowerCase();
        return words.every((word) => text.includes(word));
      };
      return groups
        .map((group) => ({ ...group, items: group.items.filter((item) => fits(item, group.title)) }))
        .filter((group) => group.items.length);
    }

    function show() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const last = { title: "Opened last", items: recent().filter((item) => item.url !== location.pathname) };
      const known = matching([last, ...(commands ?? [])], words);
      draw(words.length ? [...known, ...found] : known);
    }

    function draw(groups) {
      list.replaceChildren();
      let number = 0;
      for (const [index, group] of groups.entries()) {
        const box = make("div", "sg-palette-group");
        box.setAttribute("role", "group");
        box.setAttribute("aria-labelledby", `sg-palette-group-${index}`);
        const head = make("div", "sg-palette-head", group.title);
        head.id = `sg-palette-group-${index}`;
        box.append(head, ...group.items.map((item) => line(item, number++)));
        list.append(box);
      }
      const empty = !number && input.value.trim();
      note.textContent = empty ? "Nothing found. Try a name, a license id, or account: email: key: id:" : "";
      choose(number ? 0 : -1);
    }

    function line(item, number) {
      const link = make("a", "sg-palette-item");
      link.href = item.url;
      link.id = `sg-palette-item-${number}`;
      link.setAttribute("role", "option");
      link.tabIndex = -1;
      const icon = make("span", "material-symbols-outlined", item.icon);
      icon.setAttribute("aria-hidden", "true");
      link.append(icon, make("span", "sg-palette-title", item.title));
      if (item.note) link.append(make("span", "sg-palette-beside", item.note));
      link.item = item;
      return link;
    }

    function make(name, style, text) {
      const element = document.createElement(name);
      element.className = style;
      if (text !== undefined) element.textContent = text;
      return element;
    }

    const items = () => list.querySelectorAll("[role=option]");

    function choose(number) {
      const all = items();
      current = number;
      for (const [index, item] of all.entries()) item.setAttribute("aria-selected", String(index === number));
      if (number < 0) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", all[number].id);
      all[number].scrollIntoView({ block: "nearest" });
    }

    function move(step) {
      const count = items().length;
      if (count) choose((current + step + count) % count);
    }

    // --- opening and closing ------------------------------------------------------------------------

    async function open() {
      if (dialog.open) return dialog.close();
      input.value = "";
      found = [];
      note.textContent = "";
      dialog.showModal();
      show();
      if (commands) return;
      try {
        commands = await ask("");
        show();
      } catch {
        note.textContent = "The commands could not be read. Reload the page, or sign in again.";
      }
    }

    document.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
    for (const button of document.querySelectorAll("[data-palette]")) {
      button.addEventListener("click", open);
      if (MAC) button.querySelector("[data-palette-keys]").textContent = "⌘K";
    }

    input.addEventListener("input", () => {
      asked += 1; // what is under way is no answer any more
      found = [];
      show();
      clearTimeout(timer);
      timer = setTimeout(search, PAUSE);
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const act = {
        ArrowDown: () => move(1),
        ArrowUp: () => move(-1),
        Enter: () => items()[current]?.dispatchEvent(
          new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: event.ctrlKey, metaKey: event.metaKey }),
        ),
      }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    list.addEventListener("click", (event) => {
      const link = event.target.closest("[role=option]");
      if (!link) return;
      remember(link.item);
      if (!event.ctrlKey && !event.metaKey) dialog.close();
    });
    list.addEventListener("mousemove", (event) => {
      const link = event.target.closest("[role=option]");
      if (link && link.getAttribute("aria-selected") !== "true") choose([...items()].indexOf(link));
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // the backdrop
    });
  }
})();
