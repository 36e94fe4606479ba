/** Class of every pixel; in the page, because graphs compute every output, also those that a camera's frame needs not. */

/**
 * Labels of logits, classes x pixels.
 * @param {Float32Array} logits @param {number} classes
 * @returns {{labels: Uint8Array | Uint16Array, highest: Float32Array}} and each pixel's largest logit
 */
export function argmax(logits, classes) {
  const area = logits.length / classes, highest = logits.slice(0, area);
  const labels = classes <= 256 ? new Uint8Array(area) : new Uint16Array(area);
  for (let label = 1, from = area; label < classes; label++, from += area) {
    for (let at = 0; at < area; at++) {
      if (logits[from + at] > highest[at]) {
        highest[at] = logits[from + at];
        labels[at] = label;
      }
    }
  }
  return { labels, highest };
}

/**
 * Probability of each pixel's class.
 * @param {Float32Array} logits classes x pixels @param {Float32Array} highest as argmax gives them
 */
export function confidenceOf(logits, highest) {
  const area = highest.length, total = new Float32Array(area);
  for (let at = 0; at < logits.length; at++) total[at % area] += Math.exp(logits[at] - highest[at % area]);
  return total.map((sum) => 1 / sum);
}
