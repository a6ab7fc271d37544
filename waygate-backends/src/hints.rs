use futures_util::stream;
use tokio::sync::watch;
use waygate_core::{model::Revision, port::BoxStream};

/// Streams the changes of a watched value in which `hint` finds a revision. Changes in quick succession are merged.
/// Ends with the sender.
pub(crate) fn follow<T: Copy + Send + Sync + 'static>(
    values: watch::Receiver<T>,
    hint: fn(T) -> Option<Revision>,
) -> BoxStream<'static, Revision> {
    Box::pin(stream::unfold(values, move |mut values| async move {
        loop {
            values.changed().await.ok()?;
            let value = *values.borrow_and_update();
            if let Some(revision) = hint(value) {
                return Some((revision, values));
            }
        }
    }))
}
