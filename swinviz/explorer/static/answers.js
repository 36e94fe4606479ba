/** Answers that have come: a cache by request, and by slot the one that is wanted now. */

/**
 * @import {Message} from "./wire_format.js"
 * @import {Arguments, Transport} from "./transports.js"
 * @typedef {Partial<Message> & {error?: string}} Answer a message, or the reason why there is none
 * @typedef {[name: string, args: Arguments]} Request
 */

import { requestKey } from "./transports.js";

/**
 * A transport that keeps answers up to a number of bytes, dropping the least recently used first.
 * @param {Transport} transport @param {number} limit @returns {Transport}
 */
export function cached(transport, limit = 128 * 2 ** 20) {
  /** @type {Map<string, Promise<Message>>} */
  const kept = new Map(); // in order of use
  /** @param {Message} answer */
  const size = (answer) => Object.values(answer.arrays).reduce((sum, { data }) => sum + data.byteLength, 0);
  const trim = async () => {
    let total = 0;
    for (const [key, promise] of [...kept].reverse()) {
      total += await promise.then(size, () => 0);
      if (total > limit && key !== [...kept.keys()].at(-1)) kept.delete(key);
    }
  };
  return {
    request(name, args) {
      const key = requestKey(name, args);
      const promise = kept.get(key) ?? transport.request(name, args);
      kept.delete(key);
      kept.set(key, promise);
      promise.then(trim, () => kept.delete(key)); // a failure may succeed the next time
      return promise;
    },
    close: () => transport.close(),
  };
}

/**
 * By slot the last request and its answer. A newer request in a slot takes the place of an older one, whose
 * answer is then no longer waited for.
 * @param {Transport} transport
 * @param {() => void} onarrival called when an answer that is still wanted has come
 */
export function makeAnswers(transport, onarrival) {
  /** @type {Record<string, string>} */
  const asked = {};
  /** @type {Record<string, {key: string, answer: Answer}>} */
  const arrived = {};

  /** @param {string} slot @param {Request} request @returns {Answer | null} */
  function want(slot, [name, args]) {
    const key = requestKey(name, args);
    if (asked[slot] !== key) {
      asked[slot] = key;
      /** @type {Promise<Answer>} */ (transport.request(name, args)).catch((error) => ({ error: error.message })).then((answer) => {
        if (asked[slot] !== key) return;
        arrived[slot] = { key, answer };
        onarrival();
      });
    }
    return arrived[slot]?.key === key ? arrived[slot].answer : null;
  }

  return {
    /**
     * Answers to requests by slot: null where they have not come yet.
     * @param {Record<string, Request>} requests @returns {Record<string, Answer | null>}
     */
    ask: (requests) => Object.fromEntries(Object.entries(requests).map(([slot, request]) => [slot, want(slot, request)])),
    /** The answer that came last in a slot, whatever is asked there now. @param {string} slot @returns {Answer | null} */
    latest: (slot) => arrived[slot]?.answer ?? null,
  };
}
