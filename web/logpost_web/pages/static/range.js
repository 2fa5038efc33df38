// The panel that chooses a time range.

import { ALL } from "./state.js";
import { localInput, rangeLabel } from "./times.js";

export class RangePanel {
  /** `choose(start, end)`: called with what the API takes. */
  constructor(choose) {
    this.panel = document.getElementById("ranges");
    this.button = document.getElementById("range");
    this.from = document.getElementById("from");
    this.to = document.getElementById("to");
    this.panel.querySelector(".zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
    this.panel.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#place());
    this.panel.querySelector(".quick").addEventListener("click", (event) => {
      const { start } = event.target.dataset;
      if (start) this.#choose(choose, start, "");
    });
    document.getElementById("between").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#choose(choose, isoOf(this.from.value) || ALL, isoOf(this.to.value));
    });
  }

  show({ start, end }) {
    document.getElementById("range-label").textContent = rangeLabel(start, end);
    for (const quick of this.panel.querySelectorAll("[data-start]")) {
      quick.setAttribute("aria-pressed", String(quick.dataset.start === start && !end));
    }
    for (const [input, text] of [[this.from, start], [this.to, end]]) {
      const date = new Date(text);
      input.value = text && !Number.isNaN(date.getTime()) ? localInput(date) : "";
    }
  }

  #choose(choose, start, end) {
    this.panel.hidePopover();
    choose(start, end);
  }

  #place() {
    const box = this.button.getBoundingClientRect();
    this.panel.style.top = `${box.bottom + 6}px`;
    this.panel.style.right = `${Math.max(8, document.documentElement.clientWidth - box.right)}px`;
  }
}

function isoOf(local) {
  return local ? new Date(local).toISOString() : "";
}
