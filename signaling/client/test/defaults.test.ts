import { expect, test } from "vitest";
// What a server serves that is not configured otherwise; the server's own tests hold it against its values.
// @ts-expect-error it is the file that pages load, without types
import { settings } from "../../web/public/settings.js";
import { DEFAULT_PICTURES } from "../src/layers.ts";

test("pictures are sent as a server asks by default", () => {
  expect(settings).toMatchObject(DEFAULT_PICTURES);
});
