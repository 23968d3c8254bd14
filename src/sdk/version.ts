/** Sent with every batch. The SDK runs without a file system, so a test holds this to package.json. */
export const SDK_NAME = 'assay-js';
export const SDK_VERSION = '0.1.0';
