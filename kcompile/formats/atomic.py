from kcompile.atomic import replacing as replacing
