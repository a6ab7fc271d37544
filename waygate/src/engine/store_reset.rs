/// What to do when the store shows that it has lost what it held: another epoch, or an older revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnStoreReset {
    /// Go on with the last known state, refuse changes, and report [`Component::StoreReset`]. An emptied store
    /// never opens a closed route by itself. [`Operator::reseed_store`](super::Operator::reseed_store) writes that state
    /// back.
    #[default]
    Keep,
    /// The same, but write the last known state back into a store that is empty. Of several processes one does that, and
    /// the others follow it; whoever knows a later state than that one puts it in its place.
    Reseed,
    /// Take over what the store shows.
    Accept,
}
