/** Everything that can be done to a viewer: each changes the state, or the moment, and asks for another drawing. */

/**
 * @import {Direction} from "./rows.js"
 * @import {Layer, State, TimelineKind} from "./state.js"
 * @import {JobName} from "./jobs.js"
 * @import {Arguments} from "./transports.js"
 * @import {BlockInfo, Manifest, Moment, View} from "./view.js"
 * @import {Message} from "./wire_format.js"
 * @typedef {ReturnType<typeof makeActions>} Actions
 * @typedef {ReturnType<typeof import("./jobs.js").makeJobs>} Jobs
 * @typedef {object} Stage
 * @property {Manifest} manifest
 * @property {State} state changed here
 * @property {Moment} moment changed here
 * @property {() => View} view what is drawn now
 * @property {(base: boolean) => void} changed draw in the next frame; `base`: also what lies below the attention
 * @property {() => void} announce say what is drawn
 * @property {Jobs} jobs
 * @property {(name: string, args: Arguments) => Promise<Message>} ask Python, and keep nothing
 */

import { FRAME_MILLISECONDS } from "./gif.js";
import { openSecond } from "./second.js";
import { queryBox } from "./shapes.js";
import { LAYERS } from "./state.js";

const REST_MILLISECONDS = 150;

/** @param {Stage} stage */
export function makeActions({ manifest, state, moment, view, changed, announce, ask, jobs }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rest;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let playing;

  /** @param {Partial<State>} fields @param {boolean} base */
  function set(fields, base = true) {
    Object.assign(state, fields);
    changed(base);
  }

  /** The place changed: draw it now, and what Python must compute once the pointer rests. @param {Partial<State>} fields */
  function move(fields) {
    clearTimeout(rest);
    moment.resting = false;
    rest = setTimeout(() => { moment.resting = true; changed(false); }, REST_MILLISECONDS);
    set(fields, false);
  }

  return {
    set,
    move,
    /** @param {number[] | null} pixel */
    point(pixel) {
      moment.pointer = pixel;
      changed(false);
    },
    /** @param {boolean} locked */
    lock(locked) {
      set({ locked, region: null });
      if (locked) announce();
    },
    /** @param {number} down tokens @param {number} right tokens @param {boolean} byWindow windows instead */
    moveQuery(down, right, byWindow) {
      const { stride, windowSize } = view().geometry;
      const by = stride * (byWindow ? windowSize : 1);
      move({ y: state.y + down * by, x: state.x + right * by, region: null, locked: true });
    },
    /** Widen the query by so many tokens on each side, to a region; narrow it until it is a single token again.
     * @param {number} tokens */
    widen(tokens) {
      const { geometry: { stride } } = view(), by = tokens * stride;
      const [top, left, bottom, right] = state.region ?? queryBox(view());
      const region = [top - by, left - by, bottom + by, right + by];
      const wide = Math.min(region[2] - region[0], region[3] - region[1]) > stride;
      move(wide ? { region, locked: true } : { region: null });
    },
    /** @param {BlockInfo} block */
    chooseBlock: ({ stage, block }) => set({ stage, block }),
    /** @param {number} by */
    stepBlock(by) {
      const { blocks } = manifest;
      const { stage, block } = blocks[Math.max(0, Math.min(blocks.length - 1, blocks.indexOf(view().chosen) + by))];
      set({ stage, block });
    },
    /** @param {number} head */
    chooseHead: (head) => set({ head }, false),
    /** @param {number} by */
    stepHead: (by) => set({ head: state.head + by }, false),
    /** @param {Direction} direction */
    chooseDirection: (direction) => set({ direction }, false),
    reverse: () => set({ direction: state.direction === "query" ? "key" : "query" }, false),
    alike: () => set({ direction: state.direction === "like" ? "query" : "like" }, false),
    /** Measure something at the pixel, which is locked: the mouse shall not end it. @param {JobName} name */
    startJob(name) {
      set({ locked: true });
      jobs.start(name, manifest, state, moment.second);
    },
    /** @param {JobName} name */
    stopJob: (name) => jobs.stop(name),
    /** Compare with a second picture. @param {File} file */
    async openSecond(file) {
      const opening = { name: file.name, size: [0, 0], image: null };
      moment.second = opening;
      set({ view: "alike" });
      const opened = await openSecond(file, ask);
      if (moment.second !== opening) return; // another one was chosen meanwhile
      moment.second = opened;
      changed(true);
      announce();
    },
    /** @param {TimelineKind} timeline */
    chooseTimeline: (timeline) => set({ timeline }, false),
    /** @param {string} view id of the panel */
    openPanel: (view) => set({ view }),
    /** @param {Layer} layer */
    toggleLayer: (layer) => set({ layers: LAYERS.filter((each) => (each === layer) !== state.layers.includes(each)) }),
    /** @param {string} name */
    toggleEdit(name) {
      const others = state.edits.filter((each) => each !== name);
      if (others.length < state.edits.length) set({ edits: others });
      else set({ edits: manifest.offline ? [name] : [...others, name].sort() });
    },
    /** Play the animation, or stop it. */
    play() {
      clearInterval(playing);
      const last = manifest.blocks.length - 1;
      if (moment.frame != null) moment.frame = null;
      else {
        moment.frame = 0;
        playing = setInterval(() => {
          if (moment.frame != null && moment.frame < last) moment.frame += 1;
          else { moment.frame = null; clearInterval(playing); }
          changed(false);
        }, FRAME_MILLISECONDS);
      }
      changed(false);
    },
    announce,
    close() {
      clearTimeout(rest);
      clearInterval(playing);
    },
  };
}
