/* Choosing kinds of event: whole groups at once, a search, and how many are chosen. Without scripts it is a plain
   list of boxes. */
"use strict";

(() => {
  function setUp(panel) {
    const boxes = [...panel.querySelectorAll(`input[name="${panel.dataset.kinds}"]`)];
    const groups = [...panel.querySelectorAll("[data-kinds-group]")];
    const count = panel.querySelector("[data-kinds-count]");
    const search = panel.querySelector("[data-kinds-search]");
    const choices = [...document.querySelectorAll('input[name="which"]')];

    const inside = (group) => boxes.filter((box) => group.contains(box));

    function show() {
      const chosen = boxes.filter((box) => box.checked).length;
      count.textContent = `${chosen} of ${boxes.length} chosen`;
      for (const group of groups) {
        const all = group.querySelector("[data-kinds-all]");
        const mine = inside(group);
        const on = mine.filter((box) => box.checked).length;
        all.checked = on === mine.length;
        all.indeterminate = on > 0 && on < mine.length;
      }
      const every = choices.find((choice) => choice.checked)?.value === "every";
      panel.closest(".sg-wide").hidden = every;
    }

    function find() {
      const words = search.value.trim().toLowerCase();
      for (const group of groups) {
        let any = false;
        for (const row of group.querySelectorAll("[data-kind]")) {
          const fits = row.textContent.toLowerCase().includes(words);
          row.hidden = !fits;
          any ||= fits;
        }
        group.hidden = !any;
      }
    }

    panel.querySelector("[data-kinds-tools]").hidden = false;
    for (const group of groups) {
      const all = group.querySelector("[data-kinds-all]");
      all.hidden = false;
      all.addEventListener("change", () => {
        for (const box of inside(group)) if (!box.closest("[data-kind]").hidden) box.checked = all.checked;
      });
    }
    panel.querySelector("[data-kinds-none]").addEventListener("click", () => {
      for (const box of boxes) box.checked = false;
      show();
    });
    search.addEventListener("input", find);
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // it would send the form
    });
    panel.addEventListener("change", show);
    for (const choice of choices) choice.addEventListener("change", show);
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const panel of document.querySelectorAll("[data-kinds]")) setUp(panel);
  });
})();
