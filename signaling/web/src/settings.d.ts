/** What this server asks of its page: `/settings.js`, written by the server when it is fetched. */
declare module "volley:settings" {
  export const settings: import("volley-client").PictureSettings & import("./media/devices.ts").DeviceSettings;
}

/** Where a model is served. */
declare module "*.tflite?url" {
  const address: string;
  export default address;
}
