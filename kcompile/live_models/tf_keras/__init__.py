"""Live models of tf_keras: their layers' calls as graphs of TensorFlow's operators."""
