/// The reaction to a store that has lost its content: another epoch, or an older revision.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, port::OnStoreReset};
///
/// let waygate = Waygate::builder().on_store_reset(OnStoreReset::Reseed).build().await?;
/// # drop(waygate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnStoreReset {
    /// Keep the last known state, refuse changes, and report [`Component::StoreReset`](crate::health::Component::StoreReset). An emptied store never opens
    /// a closed route. [`Operator::reseed_store`](super::Operator::reseed_store) writes that state back.
    #[default]
    Keep,
    /// Write the last known state back into an empty store. One process writes it, and the others follow; a process
    /// with a later state replaces it.
    Reseed,
    /// Adopt the content of the store.
    Accept,
}
