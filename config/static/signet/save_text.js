/* Saves the text of a field as a file, made in the browser: what is shown once is not asked for again.
   Buttons carry data-save-from (the field) and data-save-name (the file). */
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-save-from]");
  if (!button) return;
  event.preventDefault();
  const text = document.querySelector(button.dataset.saveFrom).value;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  link.download = button.dataset.saveName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
