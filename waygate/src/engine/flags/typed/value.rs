use std::{marker::PhantomData, sync::LazyLock};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use waygate_core::flag::{CompiledFlag, ErrorCode, FlagType, FlagValue, Resolution};

use crate::engine::flags::Decoded;

/// The Rust type of a flag: `bool`, an integer of up to 64 bits, `f64`, `String`, or [`Structured`] for any other type.
///
/// Waygate implements it; `flags!` chooses the type.
///
/// ```
/// use waygate::flags::{EvaluationContext, Flags, TypedFlag};
///
/// waygate::flags! {
///     /// The number of results of a page.
///     pub PAGE_SIZE: u32 = 20;
/// }
///
/// fn page_size(flags: &Flags) -> u32 {
///     PAGE_SIZE.get(&flags.for_context(&EvaluationContext::anonymous()))
/// }
/// # let _ = page_size;
/// let _: TypedFlag<u32> = PAGE_SIZE;
/// ```
pub trait Typed: sealed::Sealed + Sized + 'static {
    /// The type of the results: numbers and booleans by value, others borrowed from the flags or the declaration.
    type Value<'s>: Copy;
    /// The type of an override in a test.
    type Owned: Send + Sync + 'static;
    /// The form of the default in a declaration.
    #[doc(hidden)]
    type Default: Sync + 'static;
    /// The type of the stored flag; `None` is that of the default as JSON.
    #[doc(hidden)]
    const TYPE: Option<FlagType>;

    #[doc(hidden)]
    fn of_default<'s>(default: &'static Self::Default) -> Self::Value<'s>;

    #[doc(hidden)]
    fn of_owned(owned: &Self::Owned) -> Self::Value<'_>;

    #[doc(hidden)]
    fn read<'s>(
        resolution: &Resolution<'s>,
        decoded: Option<&'s Decoded>,
    ) -> Result<Self::Value<'s>, ErrorCode>;

    /// Returns `true` if the value of a variation can be read.
    #[doc(hidden)]
    fn reads(value: &FlagValue) -> bool;

    /// Reads the values of all variations, unless they can be read from the flag itself.
    #[doc(hidden)]
    fn decode(_: &CompiledFlag) -> Option<Decoded> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for bool {}

impl Typed for bool {
    type Value<'s> = bool;
    type Owned = bool;
    type Default = bool;
    const TYPE: Option<FlagType> = Some(FlagType::Boolean);

    #[inline]
    fn of_default<'s>(default: &'static bool) -> Self::Value<'s> {
        *default
    }

    fn of_owned(owned: &bool) -> bool {
        *owned
    }

    #[inline]
    fn read<'s>(resolution: &Resolution<'s>, _: Option<&'s Decoded>) -> Result<bool, ErrorCode> {
        resolution.as_bool()
    }

    fn reads(value: &FlagValue) -> bool {
        value.as_bool().is_ok()
    }
}

impl sealed::Sealed for f64 {}

impl Typed for f64 {
    type Value<'s> = f64;
    type Owned = f64;
    type Default = f64;
    const TYPE: Option<FlagType> = Some(FlagType::Float);

    #[inline]
    fn of_default<'s>(default: &'static f64) -> Self::Value<'s> {
        *default
    }

    fn of_owned(owned: &f64) -> f64 {
        *owned
    }

    #[inline]
    fn read<'s>(resolution: &Resolution<'s>, _: Option<&'s Decoded>) -> Result<f64, ErrorCode> {
        resolution.as_f64()
    }

    fn reads(value: &FlagValue) -> bool {
        value.as_f64().is_ok()
    }
}

macro_rules! integers {
    ($($integer:ty),+) => {$(
        impl sealed::Sealed for $integer {}

        impl Typed for $integer {
            type Value<'s> = $integer;
            type Owned = $integer;
            type Default = $integer;
            const TYPE: Option<FlagType> = Some(FlagType::Integer);

            #[inline]
            fn of_default<'s>(default: &'static $integer) -> Self::Value<'s> {
                *default
            }

            fn of_owned(owned: &$integer) -> $integer {
                *owned
            }

            #[inline]
            fn read<'s>(
                resolution: &Resolution<'s>,
                _: Option<&'s Decoded>,
            ) -> Result<$integer, ErrorCode> {
                resolution.as_i64()?.try_into().map_err(|_| ErrorCode::TypeMismatch)
            }

            fn reads(value: &FlagValue) -> bool {
                value.as_i64().is_ok_and(|value| <$integer>::try_from(value).is_ok())
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl sealed::Sealed for String {}

impl Typed for String {
    type Value<'s> = &'s str;
    type Owned = String;
    type Default = &'static str;
    const TYPE: Option<FlagType> = Some(FlagType::String);

    #[inline]
    fn of_default<'s>(default: &'static &'static str) -> Self::Value<'s> {
        default
    }

    fn of_owned(owned: &String) -> &str {
        owned
    }

    #[inline]
    fn read<'s>(resolution: &Resolution<'s>, _: Option<&'s Decoded>) -> Result<&'s str, ErrorCode> {
        resolution.as_str()
    }

    fn reads(value: &FlagValue) -> bool {
        value.as_str().is_ok()
    }
}

/// The type of flags with values of any serde type. They are read from JSON when the stored flag changes, never for a
/// request.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use waygate::flags::{Structured, TypedFlag};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// pub struct Retries { attempts: u32, wait_ms: u64 }
///
/// waygate::flags! {
///     /// How calls of the payment provider are repeated.
///     pub RETRIES: Retries = Retries { attempts: 3, wait_ms: 200 };
/// }
/// let _: TypedFlag<Structured<Retries>> = RETRIES;
/// ```
#[derive(Debug)]
pub struct Structured<T>(PhantomData<fn() -> T>);

impl<T> sealed::Sealed for Structured<T> {}

impl<T> Typed for Structured<T>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Value<'s> = &'s T;
    type Owned = T;
    type Default = LazyLock<T>;
    const TYPE: Option<FlagType> = None;

    #[inline]
    fn of_default<'s>(default: &'static LazyLock<T>) -> Self::Value<'s> {
        default
    }

    fn of_owned(owned: &T) -> &T {
        owned
    }

    #[inline]
    fn read<'s>(
        resolution: &Resolution<'s>,
        decoded: Option<&'s Decoded>,
    ) -> Result<&'s T, ErrorCode> {
        if let Some(code) = resolution.error() {
            return Err(code);
        }
        let values = decoded.and_then(|decoded| decoded.downcast_ref::<Box<[Option<T>]>>());
        let value = values.and_then(|values| values.get(resolution.variation_index()?)?.as_ref());
        value.ok_or(ErrorCode::TypeMismatch)
    }

    fn reads(value: &FlagValue) -> bool {
        T::deserialize(json(value)).is_ok()
    }

    fn decode(flag: &CompiledFlag) -> Option<Decoded> {
        let read = |value: &FlagValue| T::deserialize(json(value)).ok();
        let values: Box<[Option<T>]> = flag.values().map(read).collect();
        Some(std::sync::Arc::new(values))
    }
}

fn json(value: &FlagValue) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
