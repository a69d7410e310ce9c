/* The page of a job that is worked on: its bar follows the rows, and the page is read anew when it ends. */
"use strict";

(() => {
  const page = document.querySelector("[data-job-progress]");
  const bar = page.querySelector("[data-job-bar]");
  const figures = page.querySelector("[data-job-figures]");
  const sentence = page.querySelector("[data-job-sentence]");
  const EVERY = 1000;
  const SLOWEST = 15000;
  let wait = EVERY;

  async function ask() {
    try {
      const answer = await fetch(page.dataset.jobProgress, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const now = await answer.json();
      bar.value = now.percent;
      figures.textContent = `${now.settled.toLocaleString("en")} of ${now.total.toLocaleString("en")}`;
      if (sentence.textContent !== now.sentence) sentence.textContent = now.sentence;
      if (!now.open || (now.state === "stalled") !== (page.dataset.jobState === "stalled")) {
        location.reload();
        return;
      }
      wait = EVERY;
    } catch {
      wait = Math.min(2 * wait, SLOWEST); // the server is away: ask less often
    }
    setTimeout(ask, wait);
  }

  setTimeout(ask, 300);
})();
