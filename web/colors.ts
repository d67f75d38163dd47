/**
 * The page's colours for a canvas, by the name of their CSS variable. A variable holds both its light and its dark
 * colour; which of them counts is known only to a property that uses it.
 */
export function colorsOf(place: Element): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let color = known.get(name);
    if (color === undefined) {
      const probe = document.createElement('i');
      probe.style.color = `var(--${name})`;
      place.append(probe);
      color = getComputedStyle(probe).color;
      probe.remove();
      known.set(name, color);
    }
    return color;
  };
}
