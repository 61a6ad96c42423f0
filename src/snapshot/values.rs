//! What only the dump's bytes can tell, asked one object at a time.

use crate::base::Addr;

/// A method: its declaring type and its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName {
    /// Full name of the declaring type; empty for a dynamic method.
    pub type_name: String,
    /// Its own name.
    pub name: String,
    /// A static method.
    pub is_static: bool,
}

/// Bytes of objects and names of code, on demand. A `.gcdump` answers none.
pub trait ObjectValues: Send + Sync + std::fmt::Debug {
    /// The bytes from `at` to the end of the stretch of memory that holds it; `None` when absent.
    fn bytes_at(&self, at: Addr) -> Option<&[u8]>;

    /// The method whose code (or precode) begins at `code`. Reads the dump.
    fn method_at(&self, code: Addr) -> Option<MethodName>;
}

/// Values of a source that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoValues;

impl ObjectValues for NoValues {
    fn bytes_at(&self, _at: Addr) -> Option<&[u8]> {
        None
    }

    fn method_at(&self, _code: Addr) -> Option<MethodName> {
        None
    }
}
