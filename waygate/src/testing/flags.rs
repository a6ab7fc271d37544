use std::future::Future;

use crate::engine::{Overrides, Typed, TypedFlag};

/// Runs a future in which a declared flag has this value for every context.
///
/// Applies to requests that are made in the same task, such as those of [`TestApp`](super::TestApp), and to
/// [`Waygate::flags`](crate::Waygate::flags) called there. Concurrent tests are not affected. Calls can be nested; the
/// innermost value of a flag applies.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, flags::EvaluationContext, testing::with_flag};
///
/// waygate::flags! {
///     /// The new checkout.
///     pub NEW_CHECKOUT: bool = false;
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// let is_on = async || {
///     let (flags, anyone) = (waygate.flags(), EvaluationContext::anonymous());
///     NEW_CHECKOUT.get(&flags.for_context(&anyone))
/// };
/// assert!(!is_on().await);
/// assert!(with_flag(NEW_CHECKOUT, true, is_on()).await);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn with_flag<T: Typed, R>(
    flag: TypedFlag<T>,
    value: impl Into<T::Owned>,
    test: impl Future<Output = R>,
) -> R {
    Overrides::with(flag.declared(), value.into(), test).await
}
