import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const style = (name: string) => readFileSync(new URL(`../style/${name}`, import.meta.url), "utf8");

/** Linear sRGB of an OKLCH colour (CSS Color 4 §9.3), cut to what a screen can show. */
function linear(lightness: number, chroma: number, hue: number): number[] {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((part) => Math.min(1, Math.max(0, part)));
}

/** Of `hsl(hue 60% 95%)`, the letters' colour. */
function lettersOf(hue: number): number[] {
  const part = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = 0.95 - 0.6 * 0.05 * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(0), part(8), part(4)];
}

const luminance = ([red, green, blue]: number[]) => 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);

test("initials are read on every person's colour, in light and in dark (WCAG 2.2, 1.4.3)", () => {
  const grounds = [...style("base.css").matchAll(/--face: (\d+)%/g)].map(([, lightness]) => Number(lightness) / 100);
  expect(grounds).toHaveLength(2);
  for (const file of ["panel.css", "tile.css"]) {
    expect(style(file)).toContain("background: oklch(var(--face) 0.07 var(--hue));\n  color: hsl(var(--hue) 60% 95%);");
  }
  for (const ground of grounds) {
    for (let hue = 0; hue < 360; hue++) {
      const contrast = (luminance(lettersOf(hue)) + 0.05) / (luminance(linear(ground, 0.07, hue)) + 0.05);
      expect(contrast, `hue ${hue} on ${ground}`).toBeGreaterThan(4.5);
    }
  }
});
