/** Analyses that take many requests, one after the other: how far they are, stopped when another pixel is chosen. */

/**
 * @import {Request} from "./answers.js"
 * @import {Transport} from "./transports.js"
 * @import {Manifest, Moment} from "./view.js"
 * @import {Message} from "./wire_format.js"
 * @import {State} from "./state.js"
 * @typedef {"patching" | "trust"} JobName
 * @typedef {{key: string, total: number, answers: Message[], error: string | null, running: boolean}} Job
 */

/**
 * The requests of a job, and the key that says what it is about: with another key, it is over.
 * @type {Record<JobName, (manifest: Manifest, state: State, second: Moment["second"]) => {key: string, requests: Request[]}>}
 */
const PLANS = {
  patching({ blocks }, { y, x, donor }, second) {
    /** @type {Record<string, string>} */
    const from = donor === "second" ? { second: second?.key ?? "" } : { donor };
    return {
      key: `${y} ${x} ${Object.values(from)}`,
      requests: blocks.map(({ stage, block }) => ["patching", { stage, block, y, x, ...from }]),
    };
  },
  trust({ explanations }, { stage, block, y, x, region }) {
    const place = { stage, block, y, x, ...(region ? { region: region.join(".") } : {}) };
    return {
      key: Object.values(place).join(" "), requests: explanations.map((explanation) => ["trust", { ...place, explanation }]),
    };
  },
};

/** @param {Transport} source @param {() => void} onprogress called when a job is further */
export function makeJobs(source, onprogress) {
  /** @type {Partial<Record<JobName, Job>>} */
  const jobs = {};
  return {
    /** @param {JobName} name @param {Manifest} manifest @param {State} state @param {Moment["second"]} second */
    async start(name, manifest, state, second) {
      const { key, requests } = PLANS[name](manifest, state, second);
      /** @type {Job} */
      const job = { key, total: requests.length, answers: [], error: null, running: true };
      jobs[name] = job;
      onprogress();
      for (const [request, args] of requests) {
        try {
          const answer = await source.request(request, args);
          if (!job.running) return; // stopped meanwhile, or over
          job.answers.push(answer);
        } catch (error) {
          job.error = /** @type {Error} */ (error).message;
          break;
        }
        onprogress();
      }
      job.running = false;
      onprogress();
    },
    /** Stop, and keep what has come. @param {JobName} name */
    stop(name) {
      const job = jobs[name];
      if (job) job.running = false;
      onprogress();
    },
    /** The job as far as it is; one about something else is ended. @param {JobName} name @param {Manifest} manifest
     * @param {State} state @param {Moment["second"]} second @returns {Job | null} */
    of(name, manifest, state, second) {
      const job = jobs[name];
      if (job && job.key !== PLANS[name](manifest, state, second).key) {
        job.running = false;
        delete jobs[name];
      }
      return jobs[name] ?? null;
    },
    close() {
      for (const job of Object.values(jobs)) job.running = false;
    },
  };
}
