/// Nanoseconds.
///
/// ```
/// use waygate_core::limit::quota::{Nanos, SECOND};
///
/// let minute: Nanos = 60 * SECOND;
/// assert_eq!(minute, 60_000_000_000);
/// ```
pub type Nanos = u64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// Returns `counter * part / whole`, rounded down, where `part` is at most `whole`.
#[inline]
pub(super) fn share(counter: u32, part: Nanos, whole: Nanos) -> u64 {
    match u64::from(counter).checked_mul(part) {
        Some(product) => product / whole,
        // At most `counter`, which has 32 bits.
        None => (u128::from(counter) * u128::from(part) / u128::from(whole)) as u64,
    }
}
