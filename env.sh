. /tmp/v/e/bin/activate
R=/tmp/w
export PYTHONPATH=$R:$(ls -d $R/adapters/* $R/plugins/* $R/entrypoints | tr '\n' ':')
