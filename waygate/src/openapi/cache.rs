//! The rendering of the newest snapshot, created on first use.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::render::Rendering;

#[derive(Debug, Default)]
pub(super) struct Cache {
    newest: ArcSwapOption<Rendering>,
    /// Held while rendering, so that concurrent readers wait for one rendering.
    rendering: Mutex<()>,
}

impl Cache {
    /// Returns the newest rendering if it `is_current`; otherwise stores and returns the result of `render`.
    pub(super) async fn get(
        &self,
        is_current: impl Fn(&Rendering) -> bool,
        render: impl FnOnce() -> Rendering,
    ) -> Arc<Rendering> {
        let cached = || self.newest.load_full().filter(|cached| is_current(cached));
        if let Some(cached) = cached() {
            return cached;
        }
        let _rendering = self.rendering.lock().await;
        if let Some(cached) = cached() {
            return cached;
        }
        let rendering = Arc::new(render());
        self.newest.store(Some(rendering.clone()));
        rendering
    }
}
