//! The program: chooses window or command line, nothing else.

fn main() {
    let target =
        heaproot::target::from_core::open_core(std::path::Path::new(&std::env::args().nth(1).unwrap_or_default()));
    println!("{:#?}", target.map(|t| (t.arch, t.threads.len(), t.modules)));
}
