/** `read/system-status`: the folder says the effect, the file the script. */
export type ScriptName = `read/${string}` | `write/${string}`
