/* The order of presets. After a move the list comes back with the focus on a button of what was moved. Rows are
   also dragged by a handle; keyboards have the buttons, and so has everybody without scripts. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  if (/^#preset-\d+-(up|down)$/.test(location.hash)) document.querySelector(location.hash)?.focus();

  const rows = new Map(); // each row of the table, and the cell's content that orders it
  for (const moves of document.querySelectorAll("[data-preset]")) rows.set(moves.closest("tr"), moves);
  if (rows.size < 2) return;
  let dragged = null;

  const rowOf = (event) => {
    const row = event.target.closest?.("tr");
    return rows.has(row) ? row : null;
  };

  function isBelow(row, event) {
    const { top, height } = row.getBoundingClientRect();
    return event.clientY > top + height / 2;
  }

  function unmark() {
    for (const row of rows.keys()) row.classList.remove("sg-drop-above", "sg-drop-below");
  }

  function send(row, side, beside) {
    const up = rows.get(row).querySelector("[name=up]");
    const button = document.createElement("button");
    button.type = "submit";
    button.hidden = true;
    button.name = side;
    button.value = beside;
    button.setAttribute("formaction", up.getAttribute("formaction"));
    up.after(button);
    up.form.requestSubmit(button);
  }

  for (const [row, moves] of rows) {
    const grip = document.createElement("span");
    grip.className = "sg-grip material-symbols-outlined";
    grip.draggable = true;
    grip.title = "Drag to move";
    grip.setAttribute("aria-hidden", "true");
    grip.textContent = "drag_indicator";
    moves.prepend(grip);
    grip.addEventListener("dragstart", (event) => {
      dragged = row;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
      event.dataTransfer.setDragImage(row, 0, 0);
      row.classList.add("sg-dragged");
    });
    grip.addEventListener("dragend", () => {
      row.classList.remove("sg-dragged");
      dragged = null;
      unmark();
    });
  }

  document.addEventListener("dragover", (event) => {
    const row = dragged && rowOf(event);
    unmark();
    if (!row || row === dragged) return;
    event.preventDefault();
    row.classList.add(isBelow(row, event) ? "sg-drop-below" : "sg-drop-above");
  });

  document.addEventListener("drop", (event) => {
    const row = dragged && rowOf(event);
    if (!row || row === dragged) return;
    event.preventDefault();
    send(dragged, isBelow(row, event) ? "below" : "above", rows.get(row).dataset.preset);
  });
});
