// Says clearly when the scripts would run on a Node that is too old. Plain JavaScript, because the
// Node that it has to talk on can't strip types. With `npm ci --ignore-scripts` the dev dependency
// `node` isn't linked, and npm scripts silently get the machine's own Node.

const wanted = { major: 22, minor: 18 }
const [major, minor] = process.versions.node.split('.').map(Number)
const isTooOld = major < wanted.major || (major === wanted.major && minor < wanted.minor)

if (isTooOld) {
  process.stderr.write(
    `assent needs Node ${wanted.major}.${wanted.minor} or newer; this is ${process.version} ` +
      `(${process.execPath}).\n` +
      'The repository brings its own Node as a dev dependency, linked by an install script:\n' +
      'run `npm ci` again without `--ignore-scripts`, and start things with `npm run` or `npx`.\n',
  )
  process.exit(1)
}
