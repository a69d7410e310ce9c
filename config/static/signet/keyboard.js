/* The keyboard. What the theme makes to be clicked, and is neither a button nor a link, becomes one here: the
   filters, the menu of the account, the sidebar, further actions of a page. */
"use strict";

(() => {
  // [what is clicked, its name where it shows an icon alone]
  const CLICKED = [
    ["a[x-on\\:click^='filterOpen']"],
    ["a[x-on\\:click^='switchTheme']"],
    ["a[x-on\\:click^='activeFieldsetTab']"],
    ["div[x-on\\:click^='openUserLinks']"],
    ["span[x-on\\:click^='sidebarDesktopOpen']", "Menu"],
    ["span[x-on\\:click^='sidebarMobileOpen']", "Menu"],
    [":is(a, div)[x-on\\:click^='actionDropdownOpen']", "More actions"],
  ];
  const FIELDS = "input:not([type=hidden]), select, button, a[href], [tabindex='0']";

  function becomeButtons() {
    for (const [selector, name] of CLICKED) {
      for (const element of document.querySelectorAll(`${selector}:not([href])`)) {
        element.setAttribute("role", "button");
        element.setAttribute("tabindex", "0");
        element.dataset.keyboard = "";
        for (const icon of element.querySelectorAll(".material-symbols-outlined")) icon.ariaHidden = "true";
        if (name && !element.querySelector(":not(.material-symbols-outlined)")) element.ariaLabel = name;
      }
    }
  }

  function whenShown(panel, then) {
    setTimeout(() => panel?.checkVisibility() && then(panel), 100); // the theme shows it in its own time
  }

  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.("[data-keyboard]");
    if (button && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      button.click();
      if (button.matches("[x-on\\:click^='filterOpen']")) {
        whenShown(document.getElementById("changelist-filter"), (panel) => panel.querySelector(FIELDS)?.focus());
      }
    } else if (event.key === "Escape" && event.target.closest?.("#changelist-filter")) {
      document.querySelector("[data-keyboard][x-on\\:click^='filterOpen']")?.focus();
    }
  });

  // The browser gives up on a field that is still hidden when it first looks.
  function focusFirst() {
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
  }

  document.addEventListener("DOMContentLoaded", becomeButtons);
  addEventListener("load", focusFirst);
})();
