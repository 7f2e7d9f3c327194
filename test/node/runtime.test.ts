import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { repository } from '../../scripts/command.ts'
import { oldestNode, requireNode } from '../../src/node/runtime.ts'

test('the oldest Node is the one of package.json', () => {
  const { engines } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  assert.equal(engines.node, `>=${oldestNode}`)
})

test('a Node that is too old is refused, by both versions', () => {
  for (const version of ['20.20.2', '22.17.9', '18.0.0']) {
    assert.throws(() => requireNode(version), {
      code: 'ASSENT_UNSUPPORTED_NODE',
      message: `this is Node ${version}, and Assent needs ${oldestNode} or newer`,
    })
  }
  for (const version of ['22.18.0', '22.19.1', '23.0.0', '24.21.0']) requireNode(version)
})
