/** The mark: a moon over a plugged-in night. Decoration. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <path d="M21.5 20.6A8.6 8.6 0 0 1 11.4 9.2a8.6 8.6 0 1 0 10.1 11.4Z" fill="currentColor" />
      <circle cx="22" cy="10" r="2.2" fill="currentColor" />
    </svg>
  );
}
