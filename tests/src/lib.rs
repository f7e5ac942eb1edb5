//! What the tests of the whole share: the examples, what is expected of them, and the compiler without a daemon, uv itself.

pub mod book;
pub mod checkout;
pub mod document;
pub mod example;
pub mod expectation;
pub mod filler;
pub mod reference;
pub mod shop;
pub mod uv;
