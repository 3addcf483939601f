/** Why a file is not looked at or written, as an error says it. */
export interface Refusal {
  readonly code: 'denied' | 'not_found' | 'invalid_input' | 'operation_failed'
  readonly message: string
  readonly hint: string
}

/** The refusal for a word of `read/file-access`. Outside the roots it is the same for what exists and what does not. */
export function refusalOf(why: string, { path, roots }: { path: string; roots: readonly string[] }): Refusal {
  const allowed = roots.length === 0 ? 'none' : roots.join(', ')
  switch (why) {
    case 'outside':
      return {
        code: 'denied',
        message: `${path} is outside the allowed roots (${allowed})`,
        hint: 'a link counts by where it leads; the operator can add file_roots to the target in targets.yaml',
      }
    case 'secret':
      return {
        code: 'denied',
        message: `${path} is refused: its name is one of keys or passwords`,
        hint: 'its name, size and time are shown by list and info',
      }
    case 'missing':
      return { code: 'not_found', message: `there is no ${path}`, hint: 'list the folder to see what is there' }
    case 'no_folder':
      return { code: 'not_found', message: `there is no folder for ${path}`, hint: 'folders are not created' }
    case 'forbidden':
      return {
        code: 'operation_failed',
        message: `${path} may not be opened by the user that TailOps works as`,
        hint: 'the operator can let that user read it (for logs: group adm)',
      }
    case 'irregular':
      return {
        code: 'invalid_input',
        message: `${path} is no regular file`,
        hint: 'devices, pipes, sockets and files of /proc and /sys are not opened',
      }
    case 'folder':
      return { code: 'invalid_input', message: `${path} is a folder`, hint: 'action list shows it' }
    case 'file':
      return { code: 'invalid_input', message: `${path} is a file`, hint: 'action read or tail shows it' }
    default:
      return { code: 'operation_failed', message: `${path} could not be looked at`, hint: 'run it again' }
  }
}
