/* Lists: menus that float above the table, the key of a row, and a pasted key that never gets into an address. */
"use strict";

(() => {
  const token = () =>
    document.querySelector("input[name=csrfmiddlewaretoken]")?.value ??
    document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ??
    "";

  // --- menus --------------------------------------------------------------------------------------

  function place(menu, button) {
    const anchor = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = menu;
    const below = anchor.bottom + 4;
    const top = below + height < innerHeight ? below : Math.max(8, anchor.top - height - 4);
    const left = Math.min(Math.max(8, anchor.right - width), innerWidth - width - 8);
    menu.style.top = `${top}px`;
    menu.style.left = `${left}px`;
  }

  function openRowMenu(button) {
    const menu = document.getElementById("sg-row-menu");
    const items = document.getElementById("sg-row-items").content.cloneNode(true);
    const refused = button.dataset.refuses.split(" ");
    for (const item of items.querySelectorAll("a")) {
      if (refused.includes(item.dataset.action)) item.remove();
      for (const name of ["href", "hx-get"]) {
        const path = item.getAttribute(name);
        if (path) item.setAttribute(name, path.replace("/0/", `/${button.dataset.row}/`));
      }
    }
    menu.replaceChildren(items);
    htmx.process(menu);
    menu.returnTo = button;
    menu.showPopover();
    place(menu, button);
    menu.querySelector("a")?.focus();
  }

  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row) {
      openRowMenu(row);
      return;
    }
    const item = event.target.closest?.(".sg-pop a, .sg-pop button");
    if (!item) return;
    if (item.hasAttribute("data-copy-row") || item.hasAttribute("data-download-row")) {
      event.preventDefault();
      (item.hasAttribute("data-copy-row") ? copyKey : saveKey)(item.getAttribute("href"));
    }
    item.closest(".sg-pop").hidePopover();
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("#sg-row-menu");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!menu || !step) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll("a")];
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  });

  document.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.matches?.(".sg-pop")) return;
      const button = document.querySelector(`[popovertarget="${event.target.id}"]`);
      if (event.newState === "open" && button) place(event.target, button);
      if (event.newState === "closed" && document.activeElement === document.body) event.target.returnTo?.focus();
    },
    true,
  );

  addEventListener("resize", () => document.querySelectorAll(".sg-pop:popover-open").forEach((m) => m.hidePopover()));
  addEventListener("scroll", () => document.getElementById("sg-row-menu")?.hidePopover(), { passive: true });

  // --- the key of a row ---------------------------------------------------------------------------

  let fading;
  function say(text) {
    const toast = document.getElementById("sg-toast");
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => {
      toast.hidden = true;
    }, 6000);
  }

  async function post(url) {
    const answer = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token() }, cache: "no-store" });
    if (!answer.ok) {
      const plain = answer.headers.get("Content-Type")?.startsWith("text/plain");
      throw new Error(plain ? (await answer.text()).slice(0, 300) : "The key could not be read.");
    }
    return answer;
  }

  async function copyKey(url) {
    try {
      await navigator.clipboard.writeText(await (await post(url)).text());
      say("Key copied.");
    } catch (error) {
      say(error.name === "NotAllowedError" ? "The browser refused the clipboard: download it." : error.message);
    }
  }

  async function saveKey(url) {
    try {
      const answer = await post(url);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = answer.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1] ?? "license.txt";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      say(`Saved as ${link.download}.`);
    } catch (error) {
      say(error.message);
    }
  }

  // --- a pasted key -------------------------------------------------------------------------------

  // The address of a list stays in histories and logs: a whole key goes there as its hash.
  async function hashed(text) {
    const key = text.trim().replace(/^key:\s*/i, "");
    if (key.length <= 60 || !/^(eyJ|LIC1-|\{)/i.test(key) || !crypto.subtle) return null;
    const spelt = key.startsWith("{") ? `${key}\n` : /^LIC1-/i.test(key) ? key.toUpperCase() : key;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(spelt));
    return `key:${[...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("#changelist-search");
    const field = form?.querySelector("#searchbar");
    if (!field || form.dataset.hashed) return;
    if (field.value.trim().length <= 60) return;
    event.preventDefault();
    hashed(field.value).then((hash) => {
      if (hash) field.value = hash;
      form.dataset.hashed = "1";
      setTimeout(() => form.requestSubmit()); // a form does not submit again while it is submitting
    });
  });
})();
