"""tools/check_layers.py must find what it claims to find: each rule broken once in a small tree."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "check_layers.py"


class CheckLayers(unittest.TestCase):
    def run_on(self, files, *options):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            result = subprocess.run([sys.executable, SCRIPT, *options, folder], text=True, capture_output=True)
            return result.returncode, result.stdout

    def test_a_clean_tree_passes(self):
        code, text = self.run_on({"src/base/a.h": "#pragma once\nstruct A {};\n",
                                  "src/data/b.cpp": '#include "base/a.h"\n#include <nlohmann/json.hpp>\n',
                                  "src/model/c.h": "#include <ATen/core/Tensor.h>\n"}, "--compile")
        self.assertEqual((code, text), (0, "3 files, 1 headers without torch, 0 faults\n"))

    def test_an_arrow_to_the_right_is_found(self):
        code, text = self.run_on({"src/base/a.cpp": '#include "data/b.h"\n', "src/data/b.h": ""})
        self.assertEqual(code, 1)
        self.assertIn("data stands to the right of base", text)

    def test_torch_behind_another_header_is_found(self):
        code, text = self.run_on({"src/track/a.h": '#include "track/b.h"\n', "src/track/b.h": "#include <torch/torch.h>\n"})
        self.assertEqual(code, 1)
        self.assertIn("track/a.h -> track/b.h -> torch/torch.h", text)

    def test_heavy_libraries_in_headers_are_found(self):
        for name in ("nlohmann/json.hpp", "CLI/CLI.hpp", "yaml-cpp/yaml.h", "simdjson.h", "pcre2.h",
                     "boost/asio.hpp", "openssl/ssl.h", "curl/curl.h"):
            code, text = self.run_on({"src/base/a.h": f"#include <{name}>\n"})
            self.assertEqual(code, 1)
            self.assertIn(f"a header must not include {name}", text)

    def test_a_header_for_sources_only_is_held_to_its_word(self):
        private = "// Helpers. For sources only.\n#pragma once\n#include <nlohmann/json.hpp>\n"
        files = {"src/base/p.h": private, "src/base/a.cpp": '#include "base/p.h"\n'}
        self.assertEqual(self.run_on(files)[0], 0)
        code, text = self.run_on(files | {"src/base/a.h": '#include "base/p.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("for sources of base only", text)
        self.assertEqual(self.run_on(files | {"src/data/b.cpp": '#include "base/p.h"\n'})[0], 1)

    def test_a_header_that_needs_another_is_found(self):
        code, text = self.run_on({"src/base/a.h": "#pragma once\ninline std::string f();\n"}, "--compile")
        self.assertEqual(code, 1)
        self.assertIn("does not compile alone", text)

    def test_a_header_without_a_guard_is_found(self):
        code, text = self.run_on({"src/base/a.h": "struct A {};\n"}, "--compile")
        self.assertEqual(code, 1)
        self.assertIn("redefinition", text)

    def test_a_layer_without_a_place_is_found(self):
        code, text = self.run_on({"src/extra/a.h": ""})
        self.assertEqual(code, 1)
        self.assertIn('layer "extra" has no place', text)


if __name__ == "__main__":
    unittest.main()
