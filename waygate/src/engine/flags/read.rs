use waygate_core::{
    flag::{FlagSet, FlagSource},
    port::Clock,
};

use crate::engine::Waygate;

/// The flags of the current snapshot.
impl FlagSource for Waygate {
    #[inline]
    fn with_flags<R>(&self, read: impl FnOnce(&FlagSet, &dyn Clock) -> R) -> R {
        read(&self.inner.snapshot.load().flags, &*self.inner.clock)
    }
}
