/* The number beside "Needs attention" in the menu. It is fetched after the page, so that no page waits for it. */
"use strict";

(() => {
  const KEY = "signet.attention";
  const FRESH = 15_000;
  const EVERY = 60_000;

  function show(link, { count, more }) {
    let badge = link.querySelector(".sg-badge");
    if (!badge) {
      badge = document.createElement("span");
      badge.className = "sg-badge";
      link.append(badge);
    }
    badge.hidden = !count;
    badge.textContent = count > 99 || more ? "99+" : String(count);
    badge.setAttribute("aria-label", `${badge.textContent} need attention`);
    strip(link, count, badge.textContent);
  }

  // the card on the first page
  function strip(link, count, number) {
    const card = document.querySelector("[data-attention-strip]");
    if (!card) return;
    const some = `${number} ${count === 1 ? "thing needs" : "things need"} attention`;
    card.href = link.href;
    card.classList.toggle("sg-strip-open", count > 0);
    card.querySelector(".material-symbols-outlined").textContent = count ? "notification_important" : "task_alt";
    card.querySelector("[data-attention-words]").textContent = count ? some : "All is well: nothing needs attention";
    card.hidden = false;
  }

  function known() {
    try {
      return JSON.parse(sessionStorage.getItem(KEY));
    } catch {
      return null;
    }
  }

  function keep(found) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...found, at: Date.now() }));
    } catch {
      // a browser that keeps nothing asks again
    }
  }

  async function ask(link) {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${link.pathname}count/`, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) return;
      const found = await answer.json();
      keep(found);
      show(link, found);
    } catch {
      // signed out, or no network: the number stays as it is
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const link = document.querySelector("#nav-sidebar-apps a[href$='/attention/']");
    if (!link) return;
    const page = document.querySelector("[data-attention-count]");
    if (page) keep({ count: Number(page.dataset.attentionCount), more: page.dataset.attentionMore !== undefined });
    const before = known();
    if (before) show(link, before);
    if (!before || Date.now() - before.at > FRESH) ask(link);
    setInterval(() => ask(link), EVERY);
  });
})();
