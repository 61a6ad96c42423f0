//! analysis

pub mod inspections;
