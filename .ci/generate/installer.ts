import { defaultTargetsYaml } from '../../src/config/default.ts'

/** install.sh with the unit and the first configuration in their here-documents. */
export function installerWith(script: string, unit: string): string {
  const texts = { END_OF_UNIT: unit, END_OF_CONFIG: defaultTargetsYaml() }
  return Object.entries(texts).reduce((text, [mark, content]) => {
    const opening = `<<'${mark}'\n`
    const start = text.indexOf(opening) + opening.length
    const end = text.indexOf(`${mark}\n`, start)
    if (!text.includes(opening) || end < 0) throw new Error(`install.sh has no here-document ${mark}`)
    return text.slice(0, start) + content + text.slice(end)
  }, script)
}
