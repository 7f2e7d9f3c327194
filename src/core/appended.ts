/**
 * The list with one more at its end, in memory of just its size. One that is spread or pushed to has
 * room for some sixteen more: 136 bytes for nothing, of each list that a transaction holds.
 */
export function appended<Item>(list: readonly Item[], item: Item): readonly Item[] {
  const longer = new Array<Item>(list.length + 1)
  for (let index = 0; index < list.length; index += 1) longer[index] = list[index] as Item
  longer[list.length] = item
  return longer
}
