// Geometry of the small charts: values to points of an SVG path. Pixels only, so numbers are good enough here.

export interface Frame {
  readonly width: number;
  readonly height: number;
  /** The value drawn at the top edge; the bottom edge is zero. */
  readonly top: number;
  /** How many points fill the width; fewer points stand at the right end. */
  readonly slots: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The newest value stands at the right edge, so a short series grows from there to the left. */
export function placePoints(values: readonly number[], frame: Frame): Point[] {
  const step = frame.slots > 1 ? frame.width / (frame.slots - 1) : 0;
  const first = frame.slots - values.length;
  return values.map((value, index) => ({
    x: round((first + index) * step),
    y: round(heightOf(value, frame)),
  }));
}

export function heightOf(value: number, frame: Frame): number {
  if (!(frame.top > 0)) return frame.height;
  return frame.height * (1 - Math.min(Math.max(value, 0), frame.top) / frame.top);
}

export function linePath(points: readonly Point[]): string {
  return points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}

export function areaPath(points: readonly Point[], height: number): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return '';
  return `${linePath(points)}L${last.x} ${height}L${first.x} ${height}Z`;
}

/**
 * The value of the top edge. The limit is shown when the values come within sight of it (a tenth of it);
 * far below it the line would be flat, so the values then choose the scale.
 */
export function topOf(values: readonly number[], limit: number | null, least: number): number {
  const most = Math.max(least, ...values);
  if (limit !== null && limit > 0 && most >= limit / 10) return Math.max(limit, most) * 1.15;
  return most * 1.4;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
