use std::{any::Any, collections::BTreeMap, fmt};

/// Values of any type that one hook keeps from stage to stage of one evaluation.
///
/// ```
/// use std::time::Instant;
///
/// use waygate_openfeature::HookData;
///
/// let mut data = HookData::default();
/// data.insert("start", Instant::now());
/// assert!(data.get::<Instant>("start").is_some());
/// assert!(data.get_mut::<String>("start").is_none());
/// ```
#[derive(Default)]
pub struct HookData(BTreeMap<String, Box<dyn Any + Send>>);

impl HookData {
    /// Sets a value, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Any + Send) {
        self.0.insert(name.into(), Box::new(value));
    }

    /// Returns a value, if it has this type.
    pub fn get<T: Any>(&self, name: &str) -> Option<&T> {
        self.0.get(name)?.downcast_ref()
    }

    /// Returns a value to change, if it has this type.
    pub fn get_mut<T: Any>(&mut self, name: &str) -> Option<&mut T> {
        self.0.get_mut(name)?.downcast_mut()
    }
}

impl fmt::Debug for HookData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
