//! Every form of a flag, in a crate with another name for the facade.
#![deny(missing_docs, warnings)]

extern crate waygate as gates;

/// A module.
pub mod flags {
    gates::flags! {
        crate = crate::gates;

        /// All options.
        #[allow(unused)]
        pub ALL: bool = true {
            key = "all.of_them", owner = "A team", expires = "2030-01-01T00:00:00Z",
            variations = { yes = true, "no, thanks" = false },
        }
        /// None.
        pub(crate) NONE: i64 = -5;
        /// A value with fields, and options.
        pub FIELDS: Fields = Fields { size: 1 } { variations = { one = Fields { size: 1 }, two = Fields { size: 2 } } };
        /// A generic type.
        pub LIST: Vec<String> = vec!["a".to_owned()];
        /// A call.
        pub BLOCK: usize = usize::pow(2, 3);
        /// A text.
        pub TEXT: &'static str = concat!("a", "b") {}
    }

    /// A value.
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    pub struct Fields {
        size: u32,
    }
}

/// A caller.
#[derive(Clone, Debug, gates::FlagContext)]
#[flag(kind = "device", crate = crate::gates)]
pub struct Device<'a, T: Clone + gates::flags::ContextAttribute> {
    #[flag(key, attribute)]
    r#type: &'a str,
    #[flag(attribute = "size")]
    size: Option<T>,
    _secret: u8,
}

/// A handler.
#[gates::flag_gate(flags::ALL, otherwise = 403, route = "GET /a", crate = crate::gates)]
pub async fn gated() {}

/// Two handlers.
#[gates::canary(flag = flags::ALL, stable = gated, route = "GET /b", crate = crate::gates)]
pub async fn two() {}

#[test]
fn it_compiles() {
    let _ = (
        flags::NONE,
        flags::FIELDS,
        flags::LIST,
        flags::BLOCK,
        flags::TEXT,
        two,
    );
    let _ = Device {
        r#type: "",
        size: Some(1_u32),
        _secret: 0,
    };
}
