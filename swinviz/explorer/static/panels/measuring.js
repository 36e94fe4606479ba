/** A button that starts a job, or stops it, and how far it is. */

/**
 * @import {Actions} from "../actions.js"
 * @import {Job, JobName} from "../jobs.js"
 */

import { button, make } from "../dom.js";

/** @param {JobName} name @param {Actions} actions @param {string} what is measured */
export function makeMeasuring(name, actions, what) {
  let running = false;
  const start = button("", () => (running ? actions.stopJob(name) : actions.startJob(name)), { class: "swv-button swv-primary" });
  const bar = make("progress", { class: "swv-progress", "aria-label": what }), said = make("p", { class: "swv-note", role: "status" });
  return {
    elements: [make("div", { class: "swv-controls" }, start, bar), said],
    /** @param {Job | null} job @param {string | null} obstacle why it cannot be started @param {string} unit of its parts */
    show(job, obstacle, unit) {
      running = Boolean(job?.running);
      start.textContent = running ? "Stop" : job ? "Measure again" : "Measure";
      start.disabled = Boolean(obstacle) && !running;
      bar.hidden = !running;
      if (job) [bar.max, bar.value] = [job.total, job.answers.length];
      const text = job?.error ?? (job && running ? `${job.answers.length} of ${job.total} ${unit} …`
        : job && job.answers.length < job.total ? `Stopped after ${job.answers.length} of ${job.total} ${unit}.` : obstacle ?? "");
      if (said.textContent !== text) said.textContent = text;
    },
  };
}
