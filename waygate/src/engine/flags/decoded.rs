use std::{any::Any, sync::Arc};

/// The values of the variations of a stored flag, as the type of a declaration.
pub(crate) type Decoded = Arc<dyn Any + Send + Sync>;
